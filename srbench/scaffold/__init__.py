"""Package templates for ``srbench new``. Imported by the command line alone."""
