"""What a pressure run had to assume, counted and in words."""

from dataclasses import dataclass, field

from schemas.pressure import ModelAssumption

_NOTHING = "nothing is known"
_TABLE = "schemas/limits/pipe_roughness.csv"
_TEXTS = {
    "diameter": ("segments of unknown size, taken for {value:g} mm", "管段口径不明，按 {value:g} mm 计",
                 "GB 50013-2018 7.1, the smallest main that feeds hydrants; recalled"),
    "outer-size": ("segments whose outer or unexplained size stands in for the clear one",
                   "管段以外径或不明口径代替内径", "the map"),
    "roughness": ("segments whose roughness is by their material", "管段粗糙系数按管材取值", _TABLE),
    "material": ("segments of unknown material, taken for old cast iron", "管段管材不明，按旧铸铁管取值", _TABLE),
    "elevation": ("points of unknown ground elevation, taken from the nearest one known along the pipes",
                  "管点地面高程不明，取沿管线最近已知点", "the map"),
    "demand": ("consumers of unknown demand, by their people at {value:g} m³/d each",
               "用户用水量不明，按人均 {value:g} m³/d 估算",
               "GB 50013-2018 4.0.3, mean daily use of a person, rounded; recalled"),
    "no-demand": ("consumers of unknown demand and unknown people, taken to use nothing",
                  "用户用水量与人数均不明，按不用水计", _NOTHING),
    "unconnected": ("consumers of unknown connection, not in the model", "用户接水点不明，未计入模型", _NOTHING),
    "source-pressure": ("sources of unknown head, taken to press {value:g} m above their ground",
                        "水源水头不明，按高出地面 {value:g} m 计", "assumed; give yours with the question"),
    "pump": ("pumps without a curve or power, taken to add no head", "泵无特性曲线或功率，按不增压计", _NOTHING),
    "setting": ("regulating valves of unknown setting, taken as check valves", "调节阀设定值不明，按止回阀计",
                _NOTHING),
    "direction": ("one-way devices of unknown direction, taken as open both ways", "单向设备方向不明，按双向通过计",
                  _NOTHING),
}  # fmt: skip


@dataclass
class Assumed:
    """Counts what was assumed, in the order it was."""

    found: list[ModelAssumption] = field(default_factory=list)

    def note(self, code: str, count: int, of: int, value: float | None = None, unit: str | None = None) -> None:
        """Keep an assumption that concerns anything at all."""
        english, chinese, source = _TEXTS[code]
        if count:
            self.found.append(
                ModelAssumption(
                    code=code,
                    count=count,
                    of=of,
                    value=value,
                    unit=unit,
                    source=source,
                    message_en=f"{count} of {of} {english.format(value=value)}.",
                    message_zh=f"{count}/{of}：{chinese.format(value=value)}。",
                )
            )
