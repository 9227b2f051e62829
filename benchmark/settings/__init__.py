"""`params.yaml` as strict types."""
