import 'sojourn/sveltekit'
import type { App as ContractApp } from 'sojourn/testing'

declare global {
  // biome-ignore lint/style/noNamespace: where SvelteKit is told of them
  namespace App {
    interface Locals {
      /** The pages of the case that runs. */
      app: ContractApp
    }
  }
}
