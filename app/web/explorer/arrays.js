/**
 * Readers of array files, for drawing only: what is sent to the service are always the bytes as they are.
 *
 * An array is `{shape: number[], data: Float64Array | Float32Array | ...}` in C order, or with `shape` of any rank. What
 * cannot be read here may still be fine for the service: callers then draw the answer alone.
 */

/** What the arrays of a batch are called. */
export const ARRAYS = ["x", "y", "mu", "logvar", "sample_weight"];

/** Find the members of a zip archive: a Map from name to a function that gives its bytes. */
export const members = async (bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const least = Math.max(0, bytes.length - 65557);
  let end = bytes.length - 22;
  while (end >= least && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < least) throw new RangeError("no zip archive");
  const found = new Map();
  let at = view.getUint32(end + 16, true);
  for (let count = view.getUint16(end + 10, true); count > 0; count -= 1) {
    if (view.getUint32(at, true) !== 0x02014b50) throw new RangeError("a broken zip archive");
    const method = view.getUint16(at + 10, true);
    const length = view.getUint32(at + 20, true);
    const nameLength = view.getUint16(at + 28, true);
    const local = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    found.set(name, () => {
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      const packed = bytes.subarray(start, start + length);
      return method === 8 ? inflated(packed) : packed;
    });
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return found;
};

const inflated = async (packed) => {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

const half = (bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? 2 ** -14 * (fraction / 1024) : 2 ** (exponent - 15) * (1 + fraction / 1024));
};

const widened = (bits) => {
  const cell = new DataView(new ArrayBuffer(4));
  return Float32Array.from(bits, (value) => {
    cell.setUint32(0, value << 16);
    return cell.getFloat32(0);
  });
};

/** By NumPy's name: the typed array, and what makes numbers of it. */
const TYPES = {
  f8: [Float64Array],
  f4: [Float32Array],
  f2: [Uint16Array, (raw) => Float32Array.from(raw, half)],
  bf: [Uint16Array, widened],
  i1: [Int8Array],
  i2: [Int16Array],
  i4: [Int32Array],
  i8: [BigInt64Array, (raw) => Float64Array.from(raw, Number)],
  u1: [Uint8Array],
  u2: [Uint16Array],
  u4: [Uint32Array],
  u8: [BigUint64Array, (raw) => Float64Array.from(raw, Number)],
  b1: [Uint8Array],
};

/** Make numbers of bytes; they are copied, since they seldom begin where the type wants it. */
const numbersOf = (bytes, code, count, swapped = false) => {
  if (!Object.hasOwn(TYPES, code)) throw new RangeError("an array of another type");
  const [Kind, convert] = TYPES[code];
  const size = Kind.BYTES_PER_ELEMENT;
  const raw = bytes.slice(0, count * size);
  if (raw.length < count * size) throw new RangeError("an array that is cut short");
  if (swapped) for (let at = 0; at < raw.length; at += size) raw.subarray(at, at + size).reverse();
  const typed = new Kind(raw.buffer);
  return convert ? convert(typed) : typed;
};

/** Read a .npy file. */
export const readNpy = (bytes) => {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (!magic.every((value, place) => bytes[place] === value)) throw new RangeError("no .npy file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = bytes[6] === 1 ? 10 : 12;
  const length = bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const [, order, code] = /'descr': *'([<>|=])(\w\d)'/.exec(header);
  const shape = (/'shape': *\(([^)]*)\)/.exec(header)[1].match(/\d+/g) ?? []).map(Number);
  const count = shape.reduce((product, axis) => product * axis, 1);
  const data = numbersOf(bytes.subarray(start + length), code, count, order === ">");
  return { shape, data: /'fortran_order': *True/.test(header) ? inRows(data, shape) : data };
};

/** Put an array of Fortran order into C order. */
const inRows = (data, shape) => {
  const turned = new data.constructor(data.length);
  const place = shape.map(() => 0);
  for (let at = 0; at < data.length; at += 1) {
    turned[place.reduce((sum, index, axis) => sum * shape[axis] + index, 0)] = data[at];
    for (let axis = 0; axis < shape.length; axis += 1) {
      place[axis] += 1;
      if (place[axis] < shape[axis]) break;
      place[axis] = 0;
    }
  }
  return turned;
};

/** Read the arrays of an .npz archive by name. */
export const readNpz = async (bytes) => {
  const arrays = {};
  for (const [name, content] of await members(bytes)) {
    if (name.endsWith(".npy")) arrays[name.slice(0, -".npy".length)] = readNpy(await content());
  }
  return arrays;
};

const SAFE = { F64: "f8", F32: "f4", F16: "f2", BF16: "bf", I64: "i8", I32: "i4", I16: "i2", I8: "i1", U64: "u8", U32: "u4", U16: "u2", U8: "u1", BOOL: "b1" };

/** Read the tensors of a safetensors file by name. */
export const readSafetensors = (bytes) => {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const arrays = {};
  for (const [name, row] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [start, stop] = row.data_offsets.map((offset) => 8 + length + offset);
    const count = row.shape.reduce((product, axis) => product * axis, 1);
    arrays[name] = { shape: row.shape, data: numbersOf(bytes.subarray(start, stop), SAFE[row.dtype], count) };
  }
  return arrays;
};

const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/; // narrower than Number(), as the service is

const numberOf = (cell) => {
  const value = NUMBER.test(cell) ? Number(cell) : NaN;
  return Number.isFinite(value) ? value : NaN;
};

/** Read numbers in lines, as a person or a spreadsheet writes them; what is no number becomes NaN. */
export const readText = (text) => {
  const rows = text
    .replace(/^\ufeff/, "")
    .trim()
    .split(/\r\n|\n/)
    .map((line) => line.split(/[,;]/).map(numberOf));
  if (rows.length > 1 && rows[0].every(Number.isNaN)) rows.shift(); // names
  return matrix(rows);
};

/** Leave out what has no cells to draw: scalars and empty arrays, which the service refuses in its own words. */
export const drawable = (arrays) => Object.fromEntries(Object.entries(arrays).filter(([, { shape, data }]) => shape.length > 0 && data.length > 0));

/** Lay out rows, of which some may be too short, or nested lists of any rank. */
export const matrix = (rows) => {
  const features = [];
  for (let node = rows[0]; Array.isArray(node); node = node[0]) features.push(node.length);
  const flat = rows.map((row) => (Array.isArray(row) ? row.flat(Infinity) : [row]));
  const width = flat.reduce((widest, row) => Math.max(widest, row.length), 0);
  const data = new Float64Array(flat.length * width).fill(NaN);
  flat.forEach((row, at) => row.forEach((cell, column) => (data[at * width + column] = typeof cell === "number" ? cell : NaN)));
  const fits = features.reduce((product, axis) => product * axis, 1) === width;
  return { shape: [flat.length, ...(fits ? features : [width])], data };
};
