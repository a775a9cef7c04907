/** Stripe's signature header. https://docs.stripe.com/webhooks#verify-manually */
export async function sign(
  body: string,
  secrets: string | readonly string[],
  timestamp: number,
): Promise<string> {
  const signatures = await Promise.all(
    [secrets].flat().map(async (secret) => `v1=${await hmac(secret, `${timestamp}.${body}`)}`),
  );
  return [`t=${timestamp}`, ...signatures].join(',');
}

async function hmac(secret: string, text: string): Promise<string> {
  const bytes = new TextEncoder();
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', bytes.encode(secret), algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes.encode(text))).toHex();
}
