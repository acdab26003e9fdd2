import { withSession } from '../../../lib/sessions'

export const POST = withSession(async (request) => {
  const form = await request.formData()
  return Response.json(form.get('text'))
})
