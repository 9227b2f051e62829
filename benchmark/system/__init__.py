"""Files, hashes, strict YAML and JSON, progress, and the closure of imports."""
