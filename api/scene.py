"""The map as one binary scene for the viewer (layout: pipemap/scene.py)."""

from fastapi import APIRouter, Response

from api.deps import STRICT, BoxDep, ServiceDep, VersionDep
from pipemap.scene import encode_scene
from pipemap.versions import resolve_version

SCENE = "application/octet-stream"
router = APIRouter(tags=["viewer"], dependencies=[STRICT])


@router.get("/scene")
def read_scene(service: ServiceDep, bbox: BoxDep, version: VersionDep) -> Response:
    """What lies in a box of the project CRS, or everything, in the viewer's binary layout."""
    with service.reading() as connection:
        scene = encode_scene(connection, bbox, resolve_version(connection, version))
    return Response(scene.body, media_type=SCENE)
