"""Pumps and valves of a hydraulic model as the engine takes them."""

from collections import Counter
from typing import Any

from pipemap.network import Network
from pipemap.pressure.assumptions import Assumed
from pipemap.pressure.facts import Device, Facts
from pipemap.pressure.hydraulics import Layout
from schemas.codetables import code_table

Link = dict[str, Any]
_CHECK: Link = {"type": "check"}


def links_of(network: Network, facts: Facts, layout: Layout, told: Assumed) -> list[Link]:
    """Every device as a link with `type` pump, PRV, PSV, FCV or check, from its inlet's point to its outlet's.

    A pump has a `curve` of (m³/d, m) or `power_kw`, and a relative `speed`; a valve has a `setting` in m or m³/d. One
    of unknown numbers is a check valve, and told.
    """
    codes = list(code_table("appurtenance"))
    links, unknown = [], Counter[str]()
    for node, start, end in zip(
        layout.device.tolist(), layout.device_from.tolist(), layout.device_to.tolist(), strict=True
    ):
        numbers, missing = _numbers(codes[network.nodes.appurtenance[node]], facts.devices.get(node, Device()))
        unknown[missing] += 1
        links.append({"from": start, "to": end, **numbers})
    for code in ("pump", "setting"):
        told.note(code, unknown[code], len(links))
    return links


def _numbers(appurtenance_code: str, device: Device) -> tuple[Link, str]:
    """The link, and which of its numbers nobody knows."""
    if appurtenance_code == "check_valve":
        return _CHECK, ""
    if appurtenance_code == "pump_station":
        known = device.curve or device.power_kw
        pump = {"type": "pump", "curve": device.curve, "power_kw": device.power_kw, "speed": device.speed}
        return (pump, "") if known else (_CHECK, "pump")
    if appurtenance_code == "flow_control_valve":
        return {"type": "FCV", "setting": device.setting_m3_per_d}, ""
    if device.setting_m is None:
        return _CHECK, "setting"
    kind = "PRV" if appurtenance_code == "pressure_reducing_valve" else "PSV"
    return {"type": kind, "setting": device.setting_m}, ""
