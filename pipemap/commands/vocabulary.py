"""Names of columns and of the model's own words in Chinese, each by its plain English word."""

from schemas.codetables import code_table

# A column is written by its English name everywhere; it stands here once.
COLUMNS = {
    "": "", "#": "#", "x": "x", "y": "y", "z": "z", "id": "ID", "m²": "m²", "± m": "± m",
    # what there is
    "class": "管类", "classes": "管类", "kind": "类别", "key": "编号", "name": "名称", "title": "标题",
    "owner": "权属单位", "material": "材质", "address": "地址", "place": "位置", "number": "编号", "state": "状态",
    "people": "人数", "consumers": "用户", "pipes": "管段数", "segment": "管段", "segments": "管段数",
    "point": "管点", "points": "管点数", "feature": "要素", "size mm": "断面 mm", "lifecycle": "使用状态",
    "appurtenance": "附属物", "ground m": "地面高程 m", "levels": "高程来源", "base m": "底高程 m",
    "top m": "顶高程 m", "attributes": "属性", "count": "数量", "rows": "行数", "what": "内容", "why": "原因",
    "how": "方式", "all": "合计",
    # where
    "at m": "桩号 m", "from m": "起 m", "to m": "止 m", "length m": "长度 m", "distance m": "距离 m",
    "along m": "沿线 m", "crown m": "管顶高程 m", "invert m": "管底高程 m", "cover m": "覆土 m", "slope ‰": "坡度 ‰",
    "gap m": "净距 m", "distance": "距离", "length": "管长",
    # clearance, routes, room, digs
    "pair": "冲突对象", "measured m": "实测 m", "limit m": "限值 m", "rule": "规则", "certain": "确定",
    "route passes": "路由位于其", "clear m": "净距 m", "wide m": "宽度 m", "left": "左侧", "right": "右侧",
    "least cover m": "最小覆土 m", "mean cover m": "平均覆土 m", "crosses": "交叉管线（不可用覆土）",
    "free at the cover": "该覆土可行", "starts at m": "埋深 m", "inside m": "坑内长度 m",
    "hand dig from m": "人工开挖起 m", "mean age, years": "平均管龄 年", "decade": "年代", "district": "片区",
    # limits
    "question": "限值类别", "least m": "最小值 m", "standard": "标准", "clause": "条款", "condition": "条件",
    "confidence": "可信度", "table": "表", "file": "文件", "added": "添加时间", "removed": "停用时间",
    # changes and findings
    "changeset": "变更集", "author": "作者", "dataset": "数据集", "version": "版本", "changes": "变更",
    "published": "发布时间", "message": "说明", "notes": "备注", "op": "操作", "changed": "变更内容",
    "sheet": "工作表", "loaded": "入库", "refused": "拒绝", "skipped": "跳过", "unchanged": "未变", "new": "新增",
    "modified": "修改", "deleted": "删除", "severity": "级别", "errors": "错误数", "reason": "理由",
    "waived by": "豁免人", "found": "问题", "row": "行", "thresholds": "阈值", "told by": "由何处提出",
    "source": "依据",
    # sharing and the log
    "agreement": "协议", "agency": "单位", "purpose": "用途", "expires": "到期", "km²": "km²", "manner": "提供方式",
    "keys": "密钥", "request": "申请", "applicant": "申请人", "last day": "截止日", "position": "平面精度",
    "depth": "深度精度", "written": "生成时间", "webhook": "回调", "url": "地址（URL）", "told up to": "已通知至版本",
    "last message": "最近一次通知", "fault": "故障", "chain": "链", "entry": "序号", "time": "时间",
    "actor": "操作者", "action": "动作", "details": "详情", "hash": "哈希", "problem": "问题", "where": "出处",
    # traces
    "valve": "阀门", "valves": "阀门数", "walk": "步行距离", "zone": "所在区", "critical": "重要用户",
    "mm": "mm", "pipe": "管线", "use instead": "改用",
    "also close": "另须关闭", "tier": "压力级制", "gas supply": "供气状态", "length lost": "停供管长",
    "regulators": "调压站", "space": "空间", "circuit": "回路", "sources": "电（信）源", "length down": "中断长度",
    "without supply": "停供", "points lost": "停供设施", "open": "须断开的开关", "close": "可合上的开关",
    "way": "方式", "earliest": "最早到达", "smaller side": "较小一侧管长", "loop": "环",
    "independent loops": "独立环数", "lowest": "最低", "median": "中位", "wanted m³/d": "需水 m³/d",
    "delivered m³/d": "实供 m³/d", "low consumers": "低压用户", "before": "停水前", "after": "停水后",
    "delivered": "供水比例", "assumption": "假设",
    # the machine, files in and out
    "seen": "现状", "what to do": "处置", "files": "文件", "step m": "格距 m", "posts": "格点数", "known": "已知比例",
    "heights m": "高程范围 m", "surveyed": "测量日期", "priority": "优先级", "datum": "基准", "said by": "依据",
    "lines": "管段数", "column": "列", "taken for": "识别为", "how sure": "把握", "samples": "示例", "or": "也可能",
    "system": "坐标系", "axes": "轴序", "can be there": "在范围内", "km from the map": "距本图 km", "word": "词",
    "nearest": "最相近", "first": "首例", "for": "适用", "readers": "读取器", "known by the columns": "识别列",
}  # fmt: skip

# What the model and the commands write as one word.
TERMS = {
    **{code: (state.name_en, state.name_zh) for code, state in code_table("changeset_state").items()},
    "node": ("point", "管点"), "pipe_segment": ("pipe", "管段"), "consumer": ("consumer", "用户"),
    "structure": ("structure", "建（构）筑物"), "insert": ("new", "新增"), "update": ("modified", "修改"),
    "delete": ("deleted", "删除"), "import": ("import", "导入"), "edit": ("edit", "编辑"),
    "design": ("design", "规划方案"), "revert": ("revert", "撤销"), "error": ("error", "错误"),
    "warning": ("warning", "警告"),
    "info": ("note", "提示"), "horizontal": ("horizontal", "水平净距"), "vertical": ("vertical", "垂直净距"),
    "collision": ("collision", "相碰"), "cover": ("cover", "覆土"), "stacked": ("one above the other", "上下重叠"),
    "under_building": ("under a building", "建筑物下"), "slant": ("oblique crossing", "斜交"),
    "cover_carriageway": ("cover under a carriageway", "车行道下覆土"),
    "cover_elsewhere": ("cover elsewhere", "其他覆土"), "conflict": ("conflict", "冲突"),
    "cannot_tell": ("cannot tell", "无法判定"), "same_trench": ("in one trench", "同沟敷设"),
    "decides": ("decides", "起决定作用"), "applies": ("applies", "适用"), "may_apply": ("may apply", "可能适用"),
    "does_not_apply": ("does not apply", "不适用"), "replaced": ("replaced", "被地方规定替代"),
    "superseded": ("superseded", "已废止"), "verified_1": ("read in one source", "据一处来源核实"),
    "verified_2plus": ("read in several sources", "据多处来源核实"),
    "memory_corroborated": ("recalled, supported by one source", "凭记忆，有一处佐证"),
    "memory_only": ("recalled, to be confirmed", "凭记忆，待核"),
    "clearance_horizontal": ("horizontal clearance", "水平净距"),
    "clearance_vertical": ("vertical clearance", "垂直净距"), "cover_depth": ("cover", "覆土深度"),
    "forward": ("as drawn", "与绘制方向一致"), "backward": ("against the drawing", "与绘制方向相反"),
    "met": ("met", "相碰"), "under": ("below the floor", "坑底以下"), "beside": ("beside", "坑侧"),
    "clear": ("clear", "满足"), "too_near": ("too near", "净距不足"), "out_of_use": ("out of use", "停用"),
    "open": ("open", "待审批"), "waiting": ("waiting", "等待中"), "ended": ("ended", "已停用"),
    "paused": ("paused", "已暂停"),
    "delivered": ("delivered", "已送达"), "failed": ("failed", "失败"), "ok": ("ok", "正常"),
    "narrowed": ("narrowed", "缩减批准"), "refused": ("refused", "已拒绝"), "in_force": ("in force", "有效"),
    "revoked": ("revoked", "已撤销"), "expired": ("expired", "已到期"), "water": ("water", "给水"),
    "drainage": ("drainage", "排水"), "gas": ("gas", "燃气"), "heat": ("heat", "热力"), "power": ("power", "电力"),
    "telecom": ("telecom", "通信"), "industrial": ("industrial", "工业"), "other": ("other", "其他"),
    "segment": ("lines", "管线表"), "combined": ("points and lines", "点线合表"), "ground": ("ground", "地面"),
    "read": ("read", "读取"), "load": ("load", "载入"),
    "pipe_segment_no_height": ("pipes without a height", "高程不明的管段"), "join": ("join", "连接"),
    "normalise": ("normalise", "标准化"), "match": ("match", "匹配"), "compare": ("compare", "比对"),
    "write": ("write", "写入"), "total": ("total", "合计"), "exact": ("exact", "精确"),
    "masked": ("masked", "不提供"), "shifted": ("shifted", "偏移"),
}  # fmt: skip
