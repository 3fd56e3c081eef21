"""Workers: where engines run. In this process, or in one of their own for each device."""
