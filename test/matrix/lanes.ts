/** Does something with each of a list, so many at a time; the results are in the list's order. */
export async function inLanes<T, R>(lanes: number, list: readonly T[], run: (each: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    for (let at = next++; at < list.length; at = next++) results[at] = await run(list[at] as T)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return results
}
