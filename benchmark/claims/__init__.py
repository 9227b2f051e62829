"""The claims of the study: what decides each, and the controls that show whether the study can see."""
