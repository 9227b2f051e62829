"""An entry as text: Markdown, LaTeX, plain; how to cite it."""
