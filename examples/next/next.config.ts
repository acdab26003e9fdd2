import type { NextConfig } from 'next'

const config: NextConfig = {
  // One sojourn in the process, with the database's driver that is installed.
  serverExternalPackages: ['sojourn'],
  turbopack: { root: import.meta.dirname },
}

export default config
