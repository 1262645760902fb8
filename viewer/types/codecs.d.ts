/** What we use of packages that come without types. */
declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  interface JpegLSDecoder {
    getEncodedBuffer(length: number): Uint8Array;
    getDecodedBuffer(): Uint8Array<ArrayBuffer>;
    decode(): void;
    delete(): void;
  }
  interface Codec {
    JpegLSDecoder: { new (): JpegLSDecoder };
  }
  export default function factory(options: { locateFile(name: string): string }): Promise<Codec>;
}
