"""The pages: plain files under a strict policy, nothing from elsewhere."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from daira_admin.adapters.pages import File
from daira_admin.service import AdminService
from daira_web.guards import PUBLIC

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
AnyRequest = Request[Any, Any, Any]


@get("/preview", operation_id="PreviewPage", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def preview_page(request: AnyRequest, admin: NamedDependency[AdminService]) -> Response[bytes]:
    return answer(request, admin.page("preview"))


@get("/preview/{name:str}", operation_id="PreviewFile", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def preview_file(request: AnyRequest, name: FromPath[str], admin: NamedDependency[AdminService]) -> Response[bytes]:
    return answer(request, admin.page("preview", name))


@get("/docs", operation_id="DocsPage", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def docs_page(request: AnyRequest, admin: NamedDependency[AdminService]) -> Response[bytes]:
    return answer(request, admin.page("docs"))


@get("/docs/{name:str}", operation_id="DocsFile", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def docs_file(request: AnyRequest, name: FromPath[str], admin: NamedDependency[AdminService]) -> Response[bytes]:
    return answer(request, admin.page("docs", name))


def answer(request: AnyRequest, file: File) -> Response[bytes]:
    """The file, or 304 when the browser has it."""
    headers = {**HEADERS, "ETag": file.tag}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.content_type)


ROUTES = (preview_page, preview_file, docs_page, docs_file)
