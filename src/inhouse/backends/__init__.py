"""Where models run: devices, precisions, runtimes."""
