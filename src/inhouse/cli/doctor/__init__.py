"""What ``inhouse doctor`` looks at."""
