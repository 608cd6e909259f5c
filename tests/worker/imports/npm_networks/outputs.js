// node outputs.js TO FILE:2x3x48x192 ...: what onnxruntime gives for examples of these sizes, random numbers and in
// images strokes too, which detectors of text see. Of each FILE TO/NAME.input and .output (float32, of its first output)
// and .sizes, those of the input. For files of one input.
const fs = require('fs');
const path = require('path');
const runtime = require('onnxruntime-node');

function strokes(i, [, channels, height, width]) {
  if (channels !== 3) return 0;
  const column = i % width, row = Math.floor(i / width) % height;
  const middle = Math.abs(row - height / 2) < height / 8 && Math.abs(column - width / 2) < width * 3 / 8;
  return middle && (column % 5 < 2 || row % 7 < 2) ? -2 : 2;
}

async function write(folder, file, sizes) {
  // As the file has it: fused kernels differ in the last digits.
  const session = await runtime.InferenceSession.create(file, {graphOptimizationLevel: 'disabled', intraOpNumThreads: 1});
  const numbers = new Float32Array(sizes.reduce((a, b) => a * b, 1));
  let state = 12345;
  for (let i = 0; i < numbers.length; i++) {
    state = (state * 48271) % 2147483647;
    numbers[i] = state / 1073741824 - 1 + strokes(i, sizes);
  }
  const outputs = await session.run({[session.inputNames[0]]: new runtime.Tensor('float32', numbers, sizes)});
  const given = outputs[session.outputNames[0]].data;
  const stem = path.join(folder, path.basename(file, '.onnx'));
  fs.writeFileSync(stem + '.input', Buffer.from(numbers.buffer));
  fs.writeFileSync(stem + '.output', Buffer.from(given.buffer, given.byteOffset, given.byteLength));
  fs.writeFileSync(stem + '.sizes', sizes.join(' '));
}

(async () => {
  for (const one of process.argv.slice(3)) {
    const colon = one.lastIndexOf(':');
    await write(process.argv[2], one.slice(0, colon), one.slice(colon + 1).split('x').map(Number));
  }
})();
