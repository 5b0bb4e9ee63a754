"""`/docs`: the OpenAPI document as a readable page of our own, without a single outside request."""

from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse

from api.html import PAGES


def add_documentation(app: FastAPI) -> None:
    """Serve the page at `/docs`."""

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        document = app.openapi()
        page = PAGES.get_template("docs.html").render(info=document["info"], operations=_operations(document))
        return HTMLResponse(page)


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"path": path, "method": method.upper(), "parameters": operation.get("parameters", []), **_words(operation)}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _words(operation: dict[str, Any]) -> dict[str, Any]:
    return {"summary": operation.get("description", operation.get("summary", "")), "body": "requestBody" in operation}
