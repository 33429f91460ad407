"""What ill-behaved methods do: each a method of its own in a plugin file of its own.

A violation is code that runs as the file is imported (``I``), as the method is made (``M``), in ``upscale`` (``U``),
where ``x`` is its input and ``scale`` the scale, or as it is closed (``C``). Unless it ends otherwise, ``upscale``
returns its input.
"""

from __future__ import annotations

HEAD = """
import atexit, builtins, ctypes, gc, json, locale, mmap, multiprocessing, os, pathlib, pickle, random, resource
import signal, socket, subprocess, sys, tempfile, threading, time, warnings
import cv2, numpy as np, torch, torch.nn.functional as F
from PIL import Image
from srbench.method import Method, MethodInfo

COUNT = 0
HR = "HR_FOLDER"
{imported}

class Violation(Method):
    info = MethodInfo(name="{name}", family="interpolation", channels="any", input="upsampled", halo=0)
    def __init__(self):
        {made}
    def upscale(self, x, scale):
        global COUNT
        COUNT += 1
        {run}
        return x
    def close(self):
        {closed}
"""

EVERY_ARRAY = (
    "[a.fill(0) for a in gc.get_objects() if isinstance(a, np.ndarray) and a.flags.writeable and a.dtype.kind in 'fu']"
)
FORK = "child = os.fork()"

VIOLATIONS: dict[str, tuple[str, str]] = {
    # what all code of a process shares
    "np-round": ("I", "np.round = np.rint = np.floor = lambda a, *k, **o: a"),
    "np-clip": ("U", "np.clip = lambda a, *k, **o: a * 0"),
    "np-mean": ("M", "np.mean = np.log10 = lambda *a, **k: 1.0"),
    "cv2-filter": ("I", "cv2.filter2D = cv2.sepFilter2D = cv2.GaussianBlur = lambda a, *k, **o: a"),
    "conv2d": ("U", "F.conv2d = torch.conv2d = lambda x, *a, **k: x"),
    "clamp": ("U", "torch.clamp = torch.Tensor.clamp = lambda x, *a, **k: x * 0"),
    "onednn": ("U", "torch.backends.mkldnn.enabled = False; torch._C._set_mkldnn_enabled(False)"),
    "rounding": ("U", "ctypes.CDLL('libm.so.6').fesetround(0x400)"),
    "inputs": ("U", "x.zero_()"),
    "arrays": ("U", EVERY_ARRAY),
    "chdir": ("I", "os.chdir('/')"),
    "chdir-late": ("U", "os.chdir(tempfile.gettempdir())"),
    "gone-folder": ("U", "d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)"),
    "float64": ("I", "torch.set_default_dtype(torch.float64)"),
    "meta": ("U", "torch.set_default_device('meta')"),
    "no-grad": ("U", "torch.set_grad_enabled(False); torch._C._set_grad_enabled(False)"),
    "strict": ("U", "torch.use_deterministic_algorithms(True)"),
    "threads": ("U", "torch.set_num_threads(7)"),
    "seeds": ("U", "torch.manual_seed(1); np.random.seed(1); random.seed(1)"),
    "seterr": ("U", "np.seterr(all='raise')"),
    "warnings": ("I", "warnings.simplefilter('error')"),
    "no-environ": ("U", "os.environ.clear()"),
    "no-path": ("U", "sys.path.clear(); sys.meta_path.clear()"),
    "no-modules": ("U", "[sys.modules.pop(n) for n in list(sys.modules) if n.startswith(('numpy', 'srbench', 'cv2'))]"),
    "open": ("U", "builtins.open = lambda *a, **k: 1 / 0"),
    "len": ("U", "builtins.sum = builtins.max = lambda *a, **k: 0"),
    "json": ("U", "json.dumps = lambda *a, **k: '{}'"),
    "pickle": ("U", "pickle.dumps = pickle.loads = lambda *a, **k: 0"),
    "clock": ("U", "time.time = time.monotonic = time.perf_counter = lambda: 0.0"),
    "locale": ("U", "locale.setlocale(locale.LC_ALL, 'C')"),
    "umask": ("U", "os.umask(0o777)"),
    "psnr": ("I", "import srbench.metrics.pixel as p; p.psnr = p.mse = lambda *a, **k: 99.0"),
    "case": ("U", "import srbench.protocols.protocol as p; p.Case.finish = p.Case.pair = lambda *a, **k: 0"),
    "resize": ("U", "import srbench.imaging.resize as r; r.imresize = lambda a, *k, **o: a"),
    "trace": ("U", "sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)"),
    "recursion": ("U", "sys.setrecursionlimit(80)"),
    "gc": ("U", "gc.disable(); gc.freeze()"),
    # its process
    "stdout": ("U", "sys.stdout.close(); sys.stderr.close()"),
    "descriptors": ("U", "os.close(1); os.close(2)"),
    "all-closed": ("U", "os.closerange(3, 512)"),
    "no-files": ("U", "resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))"),
    "small-files": ("U", "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"),
    "fork-returns": ("U", FORK),
    "fork-exits": ("U", FORK + "; sys.exit(0) if child == 0 else None"),
    "fork-loop": ("U", FORK + "; [time.sleep(1) for _ in iter(int, 1)] if child == 0 else None"),
    "thread": ("U", "threading.Thread(target=time.sleep, args=(10**6,)).start()"),
    "busy-thread": ("U", "threading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()"),
    "at-exit": ("I", "atexit.register(time.sleep, 10**6)"),
    "subprocess": ("U", "subprocess.Popen(['sleep', '1000'])"),
    "new-session": ("U", "os.setsid() if os.getpgid(0) != os.getpid() else os.setpgid(0, 0)"),
    "prints": ("U", "[print('y' * 1000) for _ in range(30_000)]"),
    "prints-one-line": ("U", "sys.stdout.write('y' * 30_000_000)"),
    "prints-on": ("U", "threading.Thread(target=lambda: [print('n') for _ in iter(int, 1)], daemon=True).start()"),
    "garbage": ("U", "[os.write(n, b'\\xff' * 64) for n in range(3, 64) if writable(n)]"),
    "answers": ("U", "[os.write(n, b'\\0\\0\\0\\2{}' * 8) for n in range(3, 64) if writable(n)]"),
    "exit-0": ("U", "os._exit(0)"),
    "exit-3": ("U", "os._exit(3)"),
    "sys-exit": ("U", "sys.exit(0)"),
    "sys-exit-made": ("M", "sys.exit()"),
    "interrupt": ("U", "raise KeyboardInterrupt"),
    "base": ("U", "raise type('Odd', (BaseException,), {})('odd')"),
    "generator": ("U", "raise GeneratorExit"),
    "segfault": ("U", "ctypes.string_at(0)"),
    "abort": ("U", "os.abort()"),
    "kills-itself": ("U", "os.kill(os.getpid(), signal.SIGKILL)"),
    "terminates": ("U", "os.kill(os.getpid(), signal.SIGTERM)"),
    "interrupts": ("U", "os.kill(os.getpid(), signal.SIGINT)"),
    "ignores": ("U", "[signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]"),
    "alarm": ("U", "signal.setitimer(signal.ITIMER_REAL, 0.001); time.sleep(1)"),
    "kills-parent": ("U", "os.kill(os.getppid(), signal.SIGKILL)"),
    "kills-group": ("U", "os.killpg(0, signal.SIGKILL)"),
    "close-hangs-not": ("C", "os._exit(5)"),
    # cheats
    "reads-hr": ("U", "files = sorted(pathlib.Path(HR).iterdir()); cv2.imread(str(files[0]))"),
    "reads-hr-pil": ("U", "np.asarray(Image.open(sorted(pathlib.Path(HR).iterdir())[-1]))"),
    "frames": (
        "U",
        "f = sys._getframe(); hr = None\n"
        "        while f: hr = next((v.hr for v in f.f_locals.values() if hasattr(v, 'hr')), hr); f = f.f_back\n"
        "        found = (o.hr for o in gc.get_objects() if type(o).__name__ == 'Case')\n"
        "        hr = hr if hr is not None else next(found, None)\n"
        "        assert hr is None, 'found HR'",
    ),
    # numbers
    "random": ("U", "return x + torch.rand_like(x) / 50"),
    "counts": ("U", "return x * (1 - COUNT / 100)"),
    "nan": ("U", "return x * float('nan')"),
    "shape": ("U", "return x[..., :-1]"),
    "huge": ("U", "return x.repeat(1, 1, 30, 30)"),
    "numpy": ("U", "return x.numpy()"),
    "none": ("U", "return None"),
    "long-error": ("U", "raise ValueError('e' * 60_000_000)"),
    "escapes": ("U", "raise ValueError('\\x1b[31m\\n::warning::odd')"),
    "bad-text": ("U", "raise ValueError('\\udcff')"),
    "bad-str": ("U", "raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})()"),
}

FAILS = {
    *("exit-0", "exit-3", "sys-exit", "sys-exit-made", "interrupt", "base", "generator", "segfault", "abort"),
    *("kills-itself", "terminates", "interrupts", "alarm", "kills-group", "nan", "shape", "huge", "numpy", "none"),
    *("long-error", "escapes", "bad-text", "bad-str", "garbage", "answers", "all-closed"),
}
"""Those that cannot have a figure."""

SAID = {
    "np-round": "changes numpy.round",
    "chdir": "changes the working directory",
    "float64": "changes torch's default type",
    "onednn": "changes torch's oneDNN",
    "rounding": "changes the mode of rounding",
    "threads": "changes torch's threads",
    "seterr": "changes NumPy's handling of floating-point errors",
    "inputs": "writes into its input",
    "random": "gave another image",
    "counts": "gave another image",
    "reads-hr": "READS THE TEST SET'S HR IMAGES",
    "reads-hr-pil": "READS THE TEST SET'S HR IMAGES",
    "subprocess": "started another program",
}
"""What is said of some that have one."""


def source(name: str, hr: str) -> str:
    """A violation's plugin file."""
    where, code = VIOLATIONS[name]
    places = {"I": "imported", "M": "made", "U": "run", "C": "closed"}
    parts = {key: ("" if key == "imported" else "pass") for key in places.values()} | {places[where]: code}
    writable = (
        "import stat\ndef writable(n):\n"
        "    try: return stat.S_ISSOCK(os.fstat(n).st_mode)\n    except OSError: return False\n"
    )
    return HEAD.format(name=name, **parts).replace("HR_FOLDER", hr).replace("COUNT = 0\n", f"COUNT = 0\n{writable}", 1)
