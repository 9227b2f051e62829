"""Base models: trained here, local, or from the Hub; a native OPT, and any architecture over `transformers`."""
