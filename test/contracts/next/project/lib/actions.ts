'use server'

import { notFound, redirect } from 'next/navigation'
import { getSession, messages } from 'sojourn/next'
import { action, signed } from './sessions'

export const stay = action(async (request, form: FormData) => {
  const session = await getSession(request)
  session.n = Number(form.get('n'))
  messages.success(request, `n is ${session.n}`)
})

export const leave = action(async (request, form: FormData) => {
  const session = await getSession(request)
  session.n = Number(form.get('n'))
  redirect('/read')
})

export const miss = action(async (request, form: FormData) => {
  const session = await getSession(request)
  session.n = Number(form.get('n'))
  notFound()
})

export const fail = action(async (request, form: FormData) => {
  const session = await getSession(request)
  await session.cycleKey()
  session.n = Number(form.get('n'))
  throw new Error('the action failed, as it was asked to')
})

export const sign = signed.action(async (request, form: FormData) => {
  const session = await getSession(request)
  session.n = Number(form.get('n'))
})

export const add = action(async (request, form: FormData) => {
  const session = await getSession(request)
  session.n = session.get('n', 0) + Number(form.get('n'))
})

export const renew = action(async (request, form: FormData) => {
  const session = await getSession(request)
  await session.cycleKey()
  session.n = session.get('n', 0) + Number(form.get('n'))
})

/** Actions that call another, before and after which they write themselves. */
export const callAdd = action(async (request, form: FormData) => {
  const session = await getSession(request)
  session.n = 10
  await add(form)
  session.n += 100
})

export const callRenew = action(async (request, form: FormData) => {
  const session = await getSession(request)
  session.n = 10
  await renew(form)
  session.n += 100
})

/** An action of Next's alone, which calls two of ours. */
export async function addThenRenew(form: FormData): Promise<void> {
  await add(form)
  await renew(form)
}

export const callLeave = action(async (request, form: FormData) => {
  const session = await getSession(request)
  session.list = ['written']
  await leave(form)
})
