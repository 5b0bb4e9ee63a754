// Every word of the page in both languages, and the names of codes and attributes.

const TEXTS = {
  skip_to_legend: ["Skip to the legend", "跳到图例"],
  search_hint: ["Point number, e.g. JS102", "管点号，如 JS102"],
  search: ["Search", "查找"],
  nothing_found: ["Nothing has that number or name.", "没有找到该编号或名称。"],
  version: ["Version", "版本"],
  newest: ["newest", "最新"],
  map_label: ["3D map of underground pipes. Arrow keys move, Shift with arrow keys turns, plus and minus zoom.", "地下管线三维图。方向键平移，Shift 加方向键旋转，加减号缩放。"],
  legend: ["Legend", "图例"],
  details: ["Details", "详情"],
  close: ["Close", "关闭"],
  view: ["View", "视图"],
  from_above: ["Above", "俯视"],
  oblique: ["Oblique", "斜视"],
  from_below: ["Below ground", "地下仰视"],
  whole: ["Whole map", "全图"],
  exaggeration: ["Height", "高程夸大"],
  ground: ["Ground", "地面"],
  buildings: ["Buildings", "建筑物"],
  load_here: ["Load this area", "加载此处"],
  loading: ["Loading the map…", "正在加载地图…"],
  asking: ["Asking…", "正在查询…"],
  empty: ["This version of the map holds nothing here yet.", "此版本的地图在此处尚无内容。"],
  no_answer: ["The service does not answer. Is it still running?", "服务没有响应，请确认其正在运行。"],
  no_webgl: ["This browser cannot draw 3D (WebGL 2 is missing).", "此浏览器无法绘制三维（缺少 WebGL 2）。"],
  unknown_depth_sign: ["Depth unknown, drawn dashed at ground level", "埋深不明，以虚线画在地面"],
  valve_sign: ["Valve (red: closed)", "阀门（红色：关）"],
  hydrant_sign: ["Hydrant", "消防栓"],
  well_sign: ["Manhole, well", "检查井"],
  source_sign: ["Source, station", "水源、场站"],
  attributes: ["Attributes", "属性"],
  history: ["History", "历史"],
  burst_here: ["Burst here", "在此爆管"],
  clearance: ["Clearance", "净距检查"],
  clear_answer: ["Clear", "清除结果"],
  burst_title: ["Burst", "爆管分析"],
  valves_to_close: ["Valves to close, in this order", "依次关闭的阀门"],
  relied_on: ["Already closed, keep closed", "已关闭，须保持关闭"],
  no_valves: ["No valve has to be closed.", "无需关闭阀门。"],
  isolated: ["Isolated", "隔离区"],
  dry: ["Dry beyond it", "隔离区外停水"],
  already_dry: ["Dry before", "此前已停水"],
  consumers_hit: ["consumers without supply", "户受影响"],
  people: ["people", "人"],
  critical: ["To be warned by name", "须逐一通知"],
  hydrants_lost: ["Hydrants lost", "失效消防栓"],
  segments: ["segments", "段"],
  conflicts: ["Conflicts", "冲突"],
  no_conflicts: ["No limit is broken among the pairs checked.", "所检查的管线对均符合净距要求。"],
  pairs_checked: ["pairs checked", "对已检查"],
  cannot_tell: ["Cannot tell", "无法判断"],
  shortfall: ["short by", "不足"],
  measured: ["measured", "实测"],
  required: ["required", "要求"],
  to_be_confirmed: ["limit to be confirmed", "限值待核实"],
  within_accuracy: ["within survey accuracy", "在测量精度之内"],
  no_name: ["unnamed", "未命名"],
  insert: ["added", "新增"],
  update: ["changed", "修改"],
  delete: ["removed", "删除"],
  horizontal: ["horizontal", "水平"],
  vertical: ["vertical", "垂直"],
  collision: ["collision", "碰撞"],
  cover: ["cover", "覆土"],
  pipe_segment: ["Pipe segment", "管段"],
  node: ["Node", "管点"],
  consumer: ["Consumer", "用户"],
  structure: ["Structure", "建构筑物"],
};

const ATTRIBUTES = {
  source_key: ["Survey key", "原始编号"],
  class_code: ["Class", "管线类别"],
  name: ["Name", "名称"],
  shape_code: ["Section", "断面形状"],
  width_mm: ["Width (mm)", "宽 (mm)"],
  height_mm: ["Height (mm)", "高 (mm)"],
  size_basis_code: ["Width and height are", "宽高所指"],
  nominal_mm: ["Nominal size (mm)", "公称尺寸 (mm)"],
  inner_width_mm: ["Inner width (mm)", "内宽 (mm)"],
  inner_height_mm: ["Inner height (mm)", "内高 (mm)"],
  section_text: ["Section as surveyed", "管径或断面"],
  material_code: ["Material", "材质"],
  burial_code: ["Burial", "敷设方式"],
  pressure_code: ["Pressure class", "压力等级"],
  pressure_mpa: ["Pressure (MPa)", "压力 (MPa)"],
  voltage_kv: ["Voltage (kV)", "电压 (kV)"],
  hole_count: ["Duct holes", "总孔数"],
  used_hole_count: ["Holes in use", "已用孔数"],
  cable_count: ["Cables", "线缆条数"],
  flow_direction_code: ["Flow direction", "流向"],
  circuit: ["Circuit", "线路"],
  container_id: ["Inside", "所在管沟"],
  owner: ["Owner", "权属单位"],
  lifecycle_code: ["Lifecycle", "使用状态"],
  installed_on: ["Built", "建成年月"],
  from_depth_m: ["Depth at start (m)", "起点埋深 (m)"],
  to_depth_m: ["Depth at end (m)", "终点埋深 (m)"],
  from_elevation_m: ["Elevation at start (m)", "起点管高程 (m)"],
  to_elevation_m: ["Elevation at end (m)", "终点管高程 (m)"],
  depth_datum_code: ["Depth refers to", "埋深基准"],
  elevation_source_code: ["Elevation is", "高程来源"],
  horizontal_accuracy_m: ["Plan accuracy (m)", "平面精度 (m)"],
  vertical_accuracy_m: ["Height accuracy (m)", "高程精度 (m)"],
  feature_code: ["Feature", "特征"],
  appurtenance_code: ["Appurtenance", "附属物"],
  ground_elevation_m: ["Ground elevation (m)", "地面高程 (m)"],
  well_depth_m: ["Well depth (m)", "井深 (m)"],
  valve_state_code: ["Valve state", "阀门状态"],
  operability_code: ["Operability", "可操作性"],
  address: ["Address", "地址"],
  kind_code: ["Kind", "类型"],
  people: ["People", "人数"],
  is_critical: ["Critical", "重要用户"],
  demand_m3_per_d: ["Demand (m³/d)", "用水量 (m³/d)"],
  base_elevation_m: ["Lowest point (m)", "最低点 (m)"],
  top_elevation_m: ["Highest point (m)", "最高点 (m)"],
  from_node_id: ["From node", "起点"],
  to_node_id: ["To node", "终点"],
  node_id: ["Served from node", "接入管点"],
  feature_id: ["Identity", "要素号"],
  source_file: ["Source file", "来源文件"],
  source_sheet: ["Sheet", "图层或表"],
  source_row: ["Row", "行号"],
  valid_from_version: ["Since version", "自版本"],
};

const TABLE_OF = { class_code: "utility_class", shape_code: "section_shape", size_basis_code: "size_basis", state_code: "valve_state" };
let codes = {};
let language = "zh";

export const setCodes = (tables) => (codes = tables);
export const currentLanguage = () => language;

export function setLanguage(chosen) {
  language = chosen === "en" ? "en" : "zh";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = text(element.dataset.placeholder);
}

const index = () => (language === "zh" ? 1 : 0);
export const text = (key) => TEXTS[key]?.[index()] ?? key;
export const attributeOrder = Object.keys(ATTRIBUTES);
export const attributeLabel = (name) => ATTRIBUTES[name]?.[index()] ?? name;
export const otherLabel = (name) => ATTRIBUTES[name]?.[1 - index()] ?? "";
export const message = (item) => item[`message_${language}`] ?? item.message_en;
export const reason = (item) => item[`reason_${language}`] ?? item.reason_en;

export function codeEntry(table, code) {
  return codes[table]?.find((entry) => entry.code === code);
}

export function codeName(table, code) {
  return codeEntry(table, code)?.[`name_${language}`] ?? code;
}

export function attributeValue(kind, name, value) {
  if (typeof value === "boolean") return value ? "✓" : "–";
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toFixed(3)));
  if (!name.endsWith("_code")) return String(value);
  const table = name === "kind_code" ? `${kind}_kind` : (TABLE_OF[name] ?? name.slice(0, -"_code".length));
  return codeName(table, value);
}

export const metres = (value) => `${value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: value < 100 ? 2 : 0 })} m`;
