/** Starts what `npm run build` made. SvelteKit has to be told where its visitors come to, or it takes them to come by HTTPS. */
const port = process.env.PORT ?? '8000'
process.env.PORT = port
process.env.HOST ??= '127.0.0.1'
process.env.ORIGIN ??= `http://localhost:${port}`
await import('./build/index.js')
console.log(`${process.env.ORIGIN}/`)
