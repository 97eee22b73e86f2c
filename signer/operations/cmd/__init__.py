"""What the CMD doors do: processes that sign or give a certificate, found by their ProcessId."""
