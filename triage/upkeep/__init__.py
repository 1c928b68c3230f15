"""What is done to the store as a whole: audit, export, rebuild, retention."""
