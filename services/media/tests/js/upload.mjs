// Uploads a file with the client that apps use. Arguments: one JSON object
// {endpoint | uploadUrl, token, file, chunkSize, metadata, stopAt (0..1, optional), parallelUploads (optional)}.
// Prints one JSON line: {done, url, offset}.
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { Upload } from 'tus-js-client'

const order = JSON.parse(process.argv[2])
const size = statSync(order.file).size
const source = order.parallelUploads ? readFileSync(order.file) : createReadStream(order.file)

const tell = (done, upload, offset) => console.log(JSON.stringify({ done, url: upload.url, offset }))

const upload = new Upload(source, {
  endpoint: order.endpoint,
  uploadUrl: order.uploadUrl,
  uploadSize: order.parallelUploads ? undefined : size,
  chunkSize: order.chunkSize,
  parallelUploads: order.parallelUploads ?? 1,
  retryDelays: [0, 500, 1000, 2000, 4000],
  metadata: order.metadata ?? {},
  metadataForPartialUploads: {},
  headers: { Authorization: `Bearer ${order.token}` },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onChunkComplete: (_chunk, accepted) => {
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
