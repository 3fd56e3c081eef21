"""The pack's nodes, by topic; they import fast and leave the work to the library beside them."""
