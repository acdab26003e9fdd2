import adapter from '@sveltejs/adapter-node'

export default {
  kit: {
    adapter: adapter(),
    // The visitors of the contract say of themselves where they come from, or do not: what sojourn makes of that is on trial.
    csrf: { trustedOrigins: ['*'] },
  },
}
