"""The pictures of the docs: what was recorded of real runs, and how SVG is made of it."""
