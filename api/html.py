"""Pages of our own: one set of templates, and what a browser lets them do."""

from jinja2 import Environment, PackageLoader

PAGES = Environment(loader=PackageLoader("api", "pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
_STYLED = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
# A page that brings its own style and runs no script.
STYLED = {"Content-Security-Policy": f"{_STYLED}; frame-ancestors 'self'"}
# Likewise with a form, which goes nowhere but here and is shown inside no other page.
FORM = {
    "Content-Security-Policy": f"{_STYLED}; form-action 'self'; frame-ancestors 'none'",
    # Browsers tell where a form comes from only under a policy that lets them.
    "Referrer-Policy": "same-origin",
}
