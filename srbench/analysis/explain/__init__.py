"""Which choices give a number: the autopsy of a PSNR or SSIM that does not match a paper's."""
