// Uploads a file with the client that apps use. Arguments: one JSON object
// {endpoint | uploadUrl, token, file, chunkSize, metadata, retryDelays (ms, optional), parallelUploads (optional),
//  stopAt (0..1, optional): gives up there, pauseAt (0..1, optional): waits there once for a line on stdin}.
// Prints a JSON line {done, url, offset, statuses} at the pause and at the end; statuses are those of all answers so far.
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Upload } from 'tus-js-client'

const order = JSON.parse(process.argv[2])
const size = statSync(order.file).size
const source = order.parallelUploads ? readFileSync(order.file) : createReadStream(order.file)

const statuses = new Set()
let offset = 0
let pauseAt = order.pauseAt ? size * order.pauseAt : Infinity

const tell = (done, upload, offset) =>
  console.log(JSON.stringify({ done, url: upload.url, offset, statuses: [...statuses] }))

async function pause() {
  if (offset < pauseAt) return
  pauseAt = Infinity
  tell(false, upload, offset)
  const input = createInterface({ input: process.stdin })
  await new Promise((resume) => input.once('line', resume))
  input.close()
}

const upload = new Upload(source, {
  endpoint: order.endpoint,
  uploadUrl: order.uploadUrl,
  uploadSize: order.parallelUploads ? undefined : size,
  chunkSize: order.chunkSize,
  parallelUploads: order.parallelUploads ?? 1,
  retryDelays: order.retryDelays ?? [0, 500, 1000, 2000, 4000],
  metadata: order.metadata ?? {},
  metadataForPartialUploads: {},
  headers: { Authorization: `Bearer ${order.token}` },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onBeforeRequest: pause,
  onAfterResponse: (_request, response) => {
    statuses.add(response.getStatus())
  },
  onChunkComplete: (_chunk, accepted) => {
    offset = accepted
    if (order.stopAt && accepted >= size * order.stopAt && accepted < size) {
      upload.abort().then(() => {
        tell(false, upload, accepted)
        process.exit(0)
      })
    }
  },
  onSuccess: () => tell(true, upload, size),
})
upload.start()
