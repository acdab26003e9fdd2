import type { NextConfig } from 'next'

const config: NextConfig = {
  // One sojourn in the process, with the database's driver that is installed.
  serverExternalPackages: ['sojourn'],
  // Its buffering and its Vary are not what is on trial.
  compress: false,
  turbopack: { root: import.meta.dirname },
}

export default config
