// The peer: @tus/server with its S3 store on the same S3 server. Arguments: port, endpoint, bucket, access key, secret.
import { S3Store } from '@tus/s3-store'
import { Server } from '@tus/server'

const [port, endpoint, bucket, accessKeyId, secretAccessKey] = process.argv.slice(2)
const datastore = new S3Store({
  s3ClientConfig: {
    bucket,
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  },
})
const namingFunction = () => `bench-peer-${crypto.randomUUID()}`
new Server({ path: '/files', datastore, namingFunction }).listen({ host: '127.0.0.1', port: Number(port) }, () => console.log('ready'))
