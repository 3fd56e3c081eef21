"""The model in the box: words to icons, trained from nothing on a CPU."""
