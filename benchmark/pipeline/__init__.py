"""The stages of `dvc.yaml`: each reads settings and dependencies, writes outs, knows no later stage."""
