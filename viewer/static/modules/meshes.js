// Unit meshes that instances are made of: radius 1 about the z axis, z from 0 to 1.

const SIDES = 16;

function mesh(positions, normals, indices) {
  return {
    attributes: {
      positions: { value: new Float32Array(positions), size: 3 },
      normals: { value: new Float32Array(normals), size: 3 },
    },
    indices: { value: new Uint16Array(indices), size: 1 },
  };
}

export function cylinder() {
  const [positions, normals, indices] = [[], [], []];
  for (let side = 0; side <= SIDES; side++) {
    const angle = (side / SIDES) * 2 * Math.PI;
    const [x, y] = [Math.cos(angle), Math.sin(angle)];
    positions.push(x, y, 0, x, y, 1);
    normals.push(x, y, 0, x, y, 0);
    if (side < SIDES) indices.push(2 * side, 2 * side + 2, 2 * side + 1, 2 * side + 1, 2 * side + 2, 2 * side + 3);
  }
  return mesh(positions, normals, indices);
}

export function ball(rings = 6) {
  const [positions, normals, indices] = [[], [], []];
  for (let ring = 0; ring <= rings; ring++) {
    const tilt = (ring / rings) * Math.PI;
    for (let side = 0; side <= SIDES; side++) {
      const angle = (side / SIDES) * 2 * Math.PI;
      const at = [Math.sin(tilt) * Math.cos(angle), Math.sin(tilt) * Math.sin(angle), Math.cos(tilt)];
      positions.push(...at);
      normals.push(...at);
      const here = ring * (SIDES + 1) + side;
      const below = here + SIDES + 1;
      if (ring < rings && side < SIDES) indices.push(here, below, here + 1, here + 1, below, below + 1);
    }
  }
  return mesh(positions, normals, indices);
}

export function box() {
  const [positions, normals, indices] = [[], [], []];
  const faces = [[0, 1, 2], [1, 2, 0], [2, 0, 1]].flatMap((axes) => [[...axes, 1], [...axes, -1]]);
  for (const [out, u, v, sign] of faces) {
    const first = positions.length / 3;
    for (const [du, dv] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) {
      const at = [0, 0, 0];
      [at[out], at[u], at[v]] = [sign, du, dv];
      positions.push(at[0], at[1], (at[2] + 1) / 2);
      const normal = [0, 0, 0];
      normal[out] = sign;
      normals.push(...normal);
    }
    const turn = sign > 0 ? [0, 1, 2, 0, 2, 3] : [0, 2, 1, 0, 3, 2];
    indices.push(...turn.map((corner) => first + corner));
  }
  return mesh(positions, normals, indices);
}

export function surface(positions, triangles) {
  const normals = new Float32Array(positions.length);
  for (let at = 2; at < normals.length; at += 3) normals[at] = 1;
  return {
    attributes: { positions: { value: positions, size: 3 }, normals: { value: normals, size: 3 } },
    indices: { value: triangles, size: 1 },
  };
}
