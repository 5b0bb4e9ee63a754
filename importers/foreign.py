"""Files of kinds that cannot be imported: what to deliver instead, by the end of their names."""

from collections.abc import Mapping
from pathlib import Path

_CONVERT = (
    "convert it with a GDAL that has its driver (ogr2ogr -f GPKG)",
    "请用支持该格式的 GDAL（ogr2ogr -f GPKG）转换",
)
_PROJECT = ("it names layers and holds none; deliver the layers", "工程文件不含数据，请提供其中的图层")
_PICTURE = ("a picture tells no numbers; deliver the drawing or the data", "图片不含数据，请提供图形或数据文件")
_TO_IFC = ("export it as IFC", "请导出为 IFC")
_TO_DXF = ("export the drawing as DXF", "请导出为 DXF")
# In English and Chinese.
_ADVICE: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys((".vfk", ".edi", ".ntf", ".e00", ".000"), _CONVERT),
    **dict.fromkeys((".qgs", ".qgz", ".mxd", ".aprx", ".lyr", ".lyrx", ".wor"), _PROJECT),
    **dict.fromkeys((".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".ecw"), _PICTURE),
    **dict.fromkeys((".rvt", ".nwd", ".nwc", ".skp", ".pln"), _TO_IFC),
    **dict.fromkeys((".cas", ".dwt", ".dwf", ".pla", ".wt", ".wl", ".wp", ".wat", ".wal", ".wap"), _TO_DXF),
    **dict.fromkeys((".12da", ".12daz"), ("export its networks as LandXML", "请导出为 LandXML 管网")),
    ".gdbtable": ("deliver the whole .gdb folder", "请提供完整的 .gdb 文件夹"),
    ".ldb": ("it only locks a database; deliver the .mdb beside it", "这是数据库锁文件，请提供其旁的 .mdb"),
}  # fmt: skip


def advice(path: Path) -> tuple[str, str] | None:
    """What to do with a file of a kind that is known and not read, in English and Chinese."""
    return _ADVICE.get(path.suffix.lower())
