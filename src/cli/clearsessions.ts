import type { Progress } from '../core/clear-expired.js'
import type { Settings } from '../core/settings.js'
import { settingsFromEnv } from '../core/settings-env.js'
import { sojourn } from '../sojourn.js'
import type { Command, World } from './run.js'

/** Seconds that the store has to answer at first. */
const PATIENCE = 3
/** Seconds between two lines where nobody watches. */
const LINE_EVERY = 10

/** Django's `clearsessions`, in batches and beside the traffic. */
export const clearsessions: Command = {
  summary: 'Delete the sessions that are past their end. --dry-run only counts them.',
  takes: ['dry-run'],
  async run({ database, 'dry-run': dryRun = false }, world) {
    const { signal, out } = world
    const site = sojourn(siteSettings(world, database))
    try {
      await site.ready({ timeout: PATIENCE })
      if (dryRun) {
        out(`${amount(await site.sessions.clearExpired({ dryRun }))} past their end; nothing was deleted.`)
        return 0
      }
      const clearing = site.sessions.clearExpired({ signal, onProgress: reporterFor(world) })
      const cleared = await clearing.finally(() => world.status?.(''))
      if (signal?.aborted) {
        out(`Interrupted: ${amount(cleared)} deleted so far. Run it again to go on.`)
        return 130
      }
      out(`${amount(cleared)} deleted.`)
      return 0
    } finally {
      await site.close()
    }
  },
}

/** Expired sessions are found without the secret key, except in files, whose ends are in what is signed. */
function siteSettings({ env }: World, database: string | undefined): Settings {
  const settings = settingsFromEnv(env)
  const databases = database === undefined ? settings.databases : { ...settings.databases, default: database }
  const secretKey = settings.secretKey ?? (settings.sessionEngine === 'file' ? '' : 'not needed to delete')
  return { ...settings, ...(databases ? { databases } : {}), secretKey }
}

/** On a terminal a line that changes; elsewhere a line now and then. */
function reporterFor({ status, out }: World): (progress: Progress) => void {
  let told = 0
  return (progress) => {
    if (status !== undefined) return status(lineOf(progress))
    if (progress.seconds - told < LINE_EVERY) return
    told = progress.seconds
    out(lineOf(progress))
  }
}

function lineOf({ cleared, total, seconds }: Progress): string {
  const rate = cleared / Math.max(seconds, 0.001)
  const left = rate > 0 ? Math.ceil((total - cleared) / rate) : 0
  const share = total === 0 ? 100 : Math.floor((cleared / total) * 100)
  return `${cleared} of ${total} deleted (${share} %), ${Math.round(rate)} a second, about ${left} s left`
}

function amount(count: number): string {
  return count === 1 ? '1 session' : `${count} sessions`
}
