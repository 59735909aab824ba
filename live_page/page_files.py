"""The page itself: files of this package, which load nothing from elsewhere."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

FOLDER = Path(__file__).parent / "page"
Next = Callable[[Request], Awaitable[Response]]


def add_page(app: FastAPI, *, tiles_url: str | None) -> None:
    """Serve the page at `/`, the description of the API at `/docs`, and what both are made of at `/page`."""
    headers = {
        "Content-Security-Policy": _policy(tiles_url),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
    }

    @app.middleware("http")
    async def _guarded(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        response.headers.update(headers)
        return response

    @app.get("/", include_in_schema=False)
    def _page() -> FileResponse:
        return FileResponse(FOLDER / "index.html", headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    def _docs() -> FileResponse:
        return FileResponse(FOLDER / "docs.html", headers={"Cache-Control": "no-cache"})

    app.mount("/page", StaticFiles(directory=FOLDER), name="page")


def _policy(tiles_url: str | None) -> str:
    tiles = "" if tiles_url is None else f" {'/'.join(tiles_url.split('/')[:3]).replace('{s}', '*')}"
    return f"default-src 'self'; img-src 'self' data:{tiles}; frame-ancestors 'self'; base-uri 'none'"
