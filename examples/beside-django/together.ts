import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from './child.js'
import type { DjangoHere } from './find-django.js'
import { reverseProxy } from './proxy.js'

/** A Django and a service in Node behind one proxy. */
export interface Together {
  readonly port: number
  readonly django: Child
  readonly node: Child
  end(): Promise<void>
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Starts all three in an environment that both sides read. Nothing stays behind where one of them does not start. */
export async function startTogether({ python }: DjangoHere, env: NodeJS.ProcessEnv, port: number): Promise<Together> {
  const children: Child[] = []
  const end = async (): Promise<void> => void (await Promise.all(children.map((child) => child.end())))
  try {
    // Django first: it makes the tables, and would refuse to where Node had made them.
    const django = await startChild('Django', python, [here('django/serve.py')], env)
    children.push(django)
    const node = await startChild('Node', process.execPath, [...process.execArgv, here('node/server.ts')], env)
    children.push(node)
    // Login by a provider is Node's part, if there is one: Django reads the session that comes of it.
    const nodes = env['OIDC_ISSUER'] === undefined ? /^\/node(?:[/?]|$)/ : /^\/(?:node|oidc)(?:[/?]|$)/
    const proxy = reverseProxy((path) => (nodes.test(path) ? node.port : django.port))
    await once(proxy.listen(port, '127.0.0.1'), 'listening').catch((error: Error) => {
      throw new Error(`Cannot listen: ${error.message}`)
    })
    return { port: (proxy.address() as AddressInfo).port, django, node, end }
  } catch (error) {
    await end()
    throw error
  }
}
