/** Printed at every start and known to everybody: never let a real provider have such users. */
export const demoUsers = [
  { username: 'ada', password: 'demo-ada-1815' },
  { username: 'ben', password: 'demo-ben-1706' },
] as const
