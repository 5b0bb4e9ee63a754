"""How much there is of what, as data or as a picture."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.deps import STRICT, ClassCodesDep, ServiceDep
from api.pictures import LanguageDep, PictureFormat, picture
from pipemap.statistics.counting import statistics
from pipemap.statistics.drawing import Detail, draw_statistics
from schemas.statistics import Dimension, District, Statistics

router = APIRouter(tags=["questions"], dependencies=[STRICT])
ByParam = Annotated[list[Dimension] | None, Query(description="Dimensions to count by; the class by default")]
VersionsParam = Annotated[
    list[Annotated[int, Query(ge=0, lt=2**31)]] | None, Query(alias="version", description="Versions to compare")
]
AllParam = Annotated[bool, Query(description="Count what is out of use too")]


class DistrictQuestion(BaseModel):
    """A question of quantity with the districts to count in."""

    model_config = ConfigDict(extra="forbid")

    by: list[Dimension] = ["district", "class_code"]
    districts: list[District] = Field(min_length=1, max_length=1000)
    class_code: list[str] = []
    version: list[Annotated[int, Field(ge=0, lt=2**31)]] = []
    with_out_of_use: bool = False


@router.get("/statistics")
def count(
    service: ServiceDep,
    class_codes: ClassCodesDep,
    by: ByParam = None,
    version: VersionsParam = None,
    with_out_of_use: AllParam = False,
) -> Statistics:
    """Length, number, age, material and depth of segments by class, owner, material, decade or version."""
    with service.reading() as connection:
        return statistics(
            connection, by or ("class_code",), versions=version or (), class_codes=class_codes,
            with_out_of_use=with_out_of_use,
        )  # fmt: skip


@router.get("/statistics/drawing", response_class=Response)
def draw(
    service: ServiceDep,
    class_codes: ClassCodesDep,
    language: LanguageDep,
    by: ByParam = None,
    version: VersionsParam = None,
    with_out_of_use: AllParam = False,
    detail: Annotated[Detail, Query(description="What parts a bar")] = "depth",
    format: Annotated[PictureFormat, Query(description="svg or png")] = "svg",
) -> Response:
    """The same as bars."""
    found = count(service, class_codes, by, version, with_out_of_use)
    return picture(draw_statistics(found, detail, language), format)


@router.post("/statistics")
def count_in_districts(service: ServiceDep, question: DistrictQuestion) -> Statistics:
    """The same within districts, each given by its name and outline in the project CRS."""
    with service.reading() as connection:
        return statistics(
            connection, question.by, versions=question.version, class_codes=question.class_code,
            districts=question.districts, with_out_of_use=question.with_out_of_use,
        )  # fmt: skip
