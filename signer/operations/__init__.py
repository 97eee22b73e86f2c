"""What the service does, one verb each; doors call these and decide nothing."""
