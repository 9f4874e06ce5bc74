export { answering, type PortHandler } from "./incoming.ts"
export { Loop, type Watch } from "./loop.ts"
export { Port, PortMemory, type PortOptions } from "./port.ts"
export { servePort } from "./serve.ts"
