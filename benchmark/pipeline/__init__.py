"""The stages of `dvc.yaml`: each reads settings and dependencies, and writes its outputs."""
