// The layer classes that the deck's declaration names, and the converter that makes them of it.

import { ball, box, cylinder, surface } from "./meshes.js";
import { drawAtlas, iconMapping } from "./symbols.js";

const { CompositeLayer, IconLayer, LineLayer, PathLayer, PathStyleExtension, ScatterplotLayer, SimpleMeshLayer, SolidPolygonLayer, TextLayer, OrbitView } =
  globalThis.deckgl;

const MARK_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ!→.− m";
const MATERIAL = { ambient: 0.5, diffuse: 0.55, shininess: 32, specularColor: [36, 36, 36] };
const ON_TOP = { depthCompare: "always", depthWriteEnabled: false };
const DASHES = { stress_solid: null, stress_dashed: [2.4, 1], stress_dotted: [0.8, 0.8] };
const MESHES = { tubes: cylinder(), joints: ball(), ducts: box() };

// A picked instance becomes a picked segment: `info.object = {kind, index}`.
function pickSegment(info, segments) {
  if (info.picked && info.index >= 0) info.object = { kind: "pipe_segment", index: segments[info.index] };
  return info;
}

class PipeLayer extends CompositeLayer {
  getPickingInfo({ info, sourceLayer }) {
    const group = sourceLayer.id.slice(this.props.id.length + 1);
    return pickSegment(info, this.props.data[group].segments);
  }

  path(group, props) {
    const { data, widthMinPixels } = this.props;
    return new PathLayer(this.getSubLayerProps({ id: group }), {
      data: data[group].data,
      _pathType: "open",
      billboard: true,
      widthUnits: "meters",
      widthMinPixels,
      ...props,
    });
  }
}

class PipeLineLayer extends PipeLayer {
  renderLayers() {
    return this.path("lines", { capRounded: true, jointRounded: true });
  }
}

// What an answer is about, over everything else; a pattern tells it apart without its colour.
class StressLayer extends PipeLayer {
  renderLayers() {
    const extensions = [new PathStyleExtension({ dash: true })];
    return Object.entries(DASHES)
      .filter(([group]) => this.props.data[group].segments.length)
      .map(([group, dash]) =>
        this.path(group, { parameters: ON_TOP, ...(dash ? { extensions, getDashArray: dash, dashJustified: true } : { capRounded: true, jointRounded: true }) }),
      );
  }
}

class UnknownDepthLayer extends PipeLayer {
  renderLayers() {
    const extensions = [new PathStyleExtension({ dash: true })];
    return this.path("unknown", { extensions, getDashArray: [4, 3], dashGapPickable: true, opacity: 0.7, widthMaxPixels: 2.5 });
  }
}

class PipeTubeLayer extends PipeLayer {
  renderLayers() {
    return Object.keys(MESHES)
      .filter((group) => this.props.data[group]?.segments.length)
      .map(
        (group) =>
          new SimpleMeshLayer(this.getSubLayerProps({ id: group }), {
            data: this.props.data[group].data,
            mesh: MESHES[group],
            material: MATERIAL,
          }),
      );
  }
}

class NodeLayer extends CompositeLayer {
  getPickingInfo({ info, sourceLayer }) {
    const shown = this.props.data[sourceLayer.id.slice(this.props.id.length + 1)];
    if (info.picked && info.index >= 0) info.object = { kind: "node", index: shown[info.index].index };
    return info;
  }

  renderLayers() {
    const { points, signs, shafts } = this.props.data;
    return [
      new LineLayer(this.getSubLayerProps({ id: "shafts" }), {
        data: shafts,
        pickable: false,
        getSourcePosition: (shaft) => shaft.from,
        getTargetPosition: (shaft) => shaft.to,
        getColor: [96, 108, 124, 200],
        getWidth: 1.2,
      }),
      new ScatterplotLayer(this.getSubLayerProps({ id: "points" }), {
        data: points,
        billboard: true,
        radiusUnits: "pixels",
        getRadius: 3,
        radiusMinPixels: 2.5,
        stroked: true,
        lineWidthUnits: "pixels",
        getLineWidth: 1,
        getLineColor: [255, 255, 255],
        getPosition: (node) => node.position,
        getFillColor: (node) => node.color,
      }),
      icons(this, "signs", signs),
    ];
  }
}

class ConsumerLayer extends CompositeLayer {
  getPickingInfo({ info }) {
    if (info.picked && info.index >= 0) info.object = { kind: "consumer", index: this.props.data[info.index].index };
    return info;
  }

  renderLayers() {
    return icons(this, "signs", this.props.data);
  }
}

const atlas = drawAtlas();

function icons(layer, id, data) {
  return new IconLayer(layer.getSubLayerProps({ id }), {
    data,
    iconAtlas: atlas,
    iconMapping,
    sizeUnits: "pixels",
    getSize: (node) => node.size,
    getIcon: (node) => node.sign,
    getPosition: (node) => node.position,
    alphaCutoff: 0.3,
  });
}

class BuildingLayer extends CompositeLayer {
  renderLayers() {
    return new SolidPolygonLayer(this.getSubLayerProps({ id: "blocks" }), {
      data: this.props.data,
      extruded: true,
      getPolygon: (building) => building.outline,
      getElevation: (building) => building.height,
      getFillColor: this.props.color,
      material: MATERIAL,
      parameters: { depthWriteEnabled: false },
    });
  }
}

class GroundLayer extends CompositeLayer {
  updateState({ props, oldProps }) {
    if (props.data !== oldProps.data) this.setState({ mesh: surface(props.data.vertices, props.data.triangles) });
  }

  renderLayers() {
    if (!this.props.data.triangles.length) return null;
    return new SimpleMeshLayer(this.getSubLayerProps({ id: "surface" }), {
      data: [{}],
      mesh: this.state.mesh,
      getPosition: [0, 0, 0],
      getColor: this.props.color,
      material: false,
      parameters: { depthWriteEnabled: false },
    });
  }
}

// Straight lines between the nearest places of pipes that are too near, over everything else.
class GapLayer extends CompositeLayer {
  renderLayers() {
    return new LineLayer(this.getSubLayerProps({ id: "lines" }), {
      data: this.props.data,
      getSourcePosition: (gap) => gap.from,
      getTargetPosition: (gap) => gap.to,
      getColor: this.props.color,
      getWidth: 3,
      parameters: ON_TOP,
    });
  }
}

// Discs with an optional text in them and an optional label above them, over everything else.
class MarkLayer extends CompositeLayer {
  getPickingInfo({ info }) {
    if (info.picked && info.index >= 0) info.object = { kind: this.props.id, index: info.index };
    return info;
  }

  renderLayers() {
    const { data, fill, stroke, radiusPx } = this.props;
    const place = { data, getPosition: (mark) => mark.position, parameters: ON_TOP };
    return [
      new ScatterplotLayer(this.getSubLayerProps({ id: "discs" }), {
        ...place,
        billboard: true,
        stroked: true,
        radiusUnits: "pixels",
        lineWidthUnits: "pixels",
        getRadius: radiusPx,
        getLineWidth: 2.5,
        getFillColor: fill,
        getLineColor: stroke,
      }),
      new TextLayer(this.getSubLayerProps({ id: "texts" }), {
        ...place,
        data: data.filter((mark) => mark.text),
        getText: (mark) => mark.text,
        characterSet: MARK_LETTERS,
        getSize: 14,
        getColor: [255, 255, 255],
        fontWeight: 700,
        fontFamily: "system-ui, 'Noto Sans CJK SC', sans-serif",
      }),
      new TextLayer(this.getSubLayerProps({ id: "labels" }), {
        ...place,
        data: data.filter((mark) => mark.label),
        pickable: false,
        getText: (mark) => mark.label,
        characterSet: MARK_LETTERS,
        getSize: 13,
        getColor: stroke,
        getPixelOffset: [0, -radiusPx - 13],
        background: true,
        getBackgroundColor: fill,
        backgroundPadding: [5, 2],
        fontWeight: 700,
        fontFamily: "system-ui, sans-serif",
      }),
    ];
  }
}

const classes = { PipeLayer, PipeLineLayer, PipeTubeLayer, StressLayer, UnknownDepthLayer, NodeLayer, ConsumerLayer, BuildingLayer, GroundLayer, GapLayer, MarkLayer, OrbitView };
for (const [name, Class] of Object.entries(classes)) if (!Object.hasOwn(Class, "layerName")) Class.layerName = name;

// Views and layers of a declaration, its data references filled in.
export function instantiate(declaration, constants) {
  const converter = new globalThis.deck.JSONConverter({ configuration: { classes, constants } });
  return converter.convert({ ...declaration });
}
