"""The gateway: one light process that accepts runs, keeps them, hands them to workers and tells what happens."""
