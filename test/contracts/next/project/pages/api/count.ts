import type { NextApiRequest, NextApiResponse } from 'next'
import { pagesApi } from '../../lib/sessions'

export default pagesApi((request: NextApiRequest, response: NextApiResponse) => {
  const n = request.session.get('n', 0) + 1
  request.session.n = n
  if ('leave' in request.query) response.redirect(303, '/read')
  else if ('fail' in request.query) throw new Error('the handler failed, as it was asked to')
  else response.status(201).json({ n, body: request.body })
})
